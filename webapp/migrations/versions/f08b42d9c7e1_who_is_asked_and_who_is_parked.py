"""who is asked, and who is parked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'f08b42d9c7e1'
down_revision = 'b3e90a5d17f2'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parked_call',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('space', sa.String(length=10), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_parked_call_by_id_user'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['call_id'], ['call.id'], name=op.f('fk_parked_call_call_id_call'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('call_id', name=op.f('pk_parked_call'))
    )
    with op.batch_alter_table('leg', schema=None) as batch_op:
        batch_op.add_column(sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('handling', schema=None) as batch_op:
        batch_op.add_column(sa.Column('asked', sa.String(length=120), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('asked_to', sa.String(length=60), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('swapped', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('joined', sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table('handling', schema=None) as batch_op:
        for column in ('joined', 'swapped', 'asked_at', 'asked_to', 'asked'):
            batch_op.drop_column(column)

    with op.batch_alter_table('leg', schema=None) as batch_op:
        batch_op.drop_column('asked_at')

    op.drop_table('parked_call')
