"""screen pops"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'd8a2e6415f97'
down_revision = 'b1f7c3a95d20'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pop',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('leg_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('visible_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('connected', sa.Boolean(), nullable=False),
    sa.Column('hidden_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('painted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('page_ms', sa.Float(), nullable=True),
    sa.Column('total_ms', sa.Float(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['call.id'], name=op.f('fk_pop_call_id_call'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['leg_id'], ['leg.id'], name=op.f('fk_pop_leg_id_leg'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_pop_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pop'))
    )
    with op.batch_alter_table('pop', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pop_call_id_user_id'), ['call_id', 'user_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_pop_day'), ['day'], unique=False)
        batch_op.create_index(batch_op.f('ix_pop_leg_id'), ['leg_id'], unique=False)


def downgrade() -> None:
    op.drop_table('pop')
