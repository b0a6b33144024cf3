"""scripts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'b3e90a5d17f2'
down_revision = 'd8a2e6415f97'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('script',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('direction', sa.Enum('inbound', 'outbound', 'internal', name='direction', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('opens', sa.Boolean(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script'))
    )
    op.create_table('script_step',
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=80), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('asks', sa.JSON(), nullable=False),
    sa.Column('ways', sa.JSON(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['script_id'], ['script.id'], name=op.f('fk_script_step_script_id_script'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_step'))
    )
    with op.batch_alter_table('script_step', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_script_step_script_id'), ['script_id'], unique=False)

    op.create_table('script_run',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('path', sa.JSON(), nullable=False),
    sa.Column('done', sa.Boolean(), nullable=False),
    sa.Column('typed', sa.JSON(), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['call.id'], name=op.f('fk_script_run_call_id_call'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['script_id'], ['script.id'], name=op.f('fk_script_run_script_id_script'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_script_run_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_run')),
    sa.UniqueConstraint('call_id', 'user_id', name=op.f('uq_script_run_call_id_user_id'))
    )
    op.create_table('script_answer',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('step_id', sa.String(length=36), nullable=False),
    sa.Column('key', sa.String(length=36), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(length=80), nullable=False),
    sa.Column('kind', sa.Enum('text', 'number', 'date', 'choice', 'yes_no', name='fieldkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['script_run.id'], name=op.f('fk_script_answer_run_id_script_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_answer'))
    )
    with op.batch_alter_table('script_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_script_answer_run_id'), ['run_id'], unique=False)


def downgrade() -> None:
    op.drop_table('script_answer')
    op.drop_table('script_run')
    op.drop_table('script_step')
    op.drop_table('script')
